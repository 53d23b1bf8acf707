with scope as (
    select customer_key from {{ ref("segment_membership_history_scope") }}
),

moves as (
    select * from {{ ref("int_segment_moves_explained") }}
),

customers as (
    select * from {{ ref("customers") }}
    where {{ starts_anew("segment_membership") | lower }}
        or customer_key in (select scope.customer_key from scope)
),

members as (
    {%- for axis in membership_axes() %}
    select
        customer_key,
        '{{ axis }}' as axis,
        {{ axis }} as value
    from customers
    where {{ axis }} is not null
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

followed as (
    select * from {{ ref("int_customers_followed") }}
),

published as (
    select * from {{ ref("stg_published__segment_membership") }}
    where {{ starts_anew("segment_membership") | lower }}
        or customer_key in (select scope.customer_key from scope)
),

-- Whose each period is today. Who has become part of another is a member of nothing by itself.
owned as (
    select
        published.*,
        {{ person_now() }} as person_key,
        given.customer_key is null as is_merged
    from published
    {{ join_person_now("published") }}
    where {{ person_now() }} is not null
),

carried as (
    select
        owned.person_key as customer_key,
        owned.axis,
        owned.value,
        owned.joined_on,
        owned.joined_because,
        owned.observed_as,
        case
            when owned.left_on is not null then owned.left_on
            when members.customer_key is null then {{ as_of_date() }}
        end as left_on,
        case
            when owned.left_on is not null then owned.left_because
            when owned.is_merged then 'merged'
            when members.customer_key is null then coalesce(moves.left_because, 'rule_changed')
        end as left_because
    from owned
    left join members
        on
            owned.customer_key = members.customer_key
            and owned.axis = members.axis
            and owned.value = members.value
    left join moves
        on owned.customer_key = moves.customer_key and owned.axis = moves.axis
),

joining as (
    select
        members.customer_key,
        members.axis,
        members.value,
        {{ as_of_date() }} as joined_on,
        coalesce(moves.joined_because, 'history_begins') as joined_because,
        members.customer_key as observed_as,
        cast(null as date) as left_on,
        cast(null as {{ text_type() }}) as left_because
    from members
    left join owned
        on
            members.customer_key = owned.customer_key
            and members.axis = owned.axis
            and members.value = owned.value
            and owned.left_on is null
    left join moves
        on members.customer_key = moves.customer_key and members.axis = moves.axis
    where owned.customer_key is null
),

periods as (
    select * from carried
    union all
    select * from joining
),

final as (
    select
        {{ run_columns() }},
        customer_key,
        axis,
        value,
        joined_on,
        left_on,
        joined_because,
        left_because,
        observed_as
    from periods
)

select * from final
