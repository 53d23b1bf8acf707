{{ only_on_side_runs("customer_life_cycle_history") }}
