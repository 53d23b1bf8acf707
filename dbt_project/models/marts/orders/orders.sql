{{ only_on_side_runs("orders_history") }}
