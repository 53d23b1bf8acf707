-- Grain: label of a customer (customer x type x period) and customer on a list. No personal columns.
select
    'customer_types' as mart,
    score,
    evidence is not null and evidence not in ('{}', '[]', 'null') as says_why,
    as_of_date,
    valid_from as since,
    true as address_fits_channel
from candidate.customer_types
union all
select
    'outreach_lists',
    score,
    nullif(trim(reasons_fa), '') is not null and nullif(trim(reasons_en), '') is not null,
    as_of_date,
    list_date,
    case channel
        when 'email' then address ~ '^[^@ ]+@[^@ ]+[.][^@ ]+$'
        when 'sms' then address ~ '^[+0-9۰-۹][0-9۰-۹ -]{6,}$'
        else true
    end
from candidate.outreach_lists
