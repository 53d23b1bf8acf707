{{ only_on_side_runs("segment_membership_history") }}
