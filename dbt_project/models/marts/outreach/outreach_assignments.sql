{{ only_on_side_runs("outreach_assignments_history") }}
