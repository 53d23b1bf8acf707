{{ only_on_side_runs("loyalty_accounts_history") }}
