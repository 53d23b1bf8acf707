-- Grain: customer. No personal columns.
select
    customer_key,
    as_of_date,
    first_seen_on,
    last_purchase_on,
    gross_revenue,
    net_revenue,
    value_at_stake,
    r_score,
    f_score,
    m_score,
    p_alive,
    return_score
from candidate.customers
