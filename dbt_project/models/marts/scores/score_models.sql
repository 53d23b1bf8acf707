with fits as (
    select * from {{ source("scores", "fits") }}
    where fit_day <= {{ as_of_date() }}
),

final as (
    select
        {{ run_columns() }},
        model,
        fit_day,
        status,
        reason,
        horizon_days,
        parameters,
        trained_from,
        trained_to,
        trained_on,
        held_out_from,
        held_out_to,
        held_out_customers,
        cast(auc as numeric) as auc,
        cast(recency_auc as numeric) as recency_auc,
        calibration,
        is_used,
        fit_day = {{ fit_day() }} as is_current
    from fits
)

select * from final
