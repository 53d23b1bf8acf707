create schema if not exists scores;
comment on schema scores is 'What is fitted in Python: models by fit day, their figures, their coefficients.';

create table if not exists scores.fits (
    model text not null check (model in ('rhythm', 'bg_nbd', 'gamma_gamma', 'return_score', 'recency')),
    fit_day date not null,
    status text not null check (status in ('fitted', 'refused')),
    reason text,
    -- What the fit depends on besides the data: another horizon or another set of features is another fit.
    fingerprint text not null,
    horizon_days integer not null,
    parameters jsonb not null default '{}',
    trained_from date,
    trained_to date,
    trained_on bigint,
    held_out_from date,
    held_out_to date,
    held_out_customers bigint,
    auc double precision,
    recency_auc double precision,
    calibration jsonb,
    is_used boolean not null default false,
    fitted_at timestamptz not null default clock_timestamp(),
    primary key (model, fit_day),
    constraint a_refusal_has_a_reason check (status <> 'refused' or reason is not null)
);
comment on table scores.fits is 'One row for each model and fit day: what came out, and how it did on held-out days.';

create table if not exists scores.coefficients (
    model text not null,
    fit_day date not null,
    term text not null,
    value double precision not null,
    -- Of a feature: its mean over the training rows, against which reasons are told.
    -- Of a node of quadrature: its weight.
    reference double precision,
    primary key (model, fit_day, term),
    foreign key (model, fit_day) references scores.fits (model, fit_day) on delete cascade
);
comment on table scores.coefficients is 'One row for each model, fit day and term: what the scores'' SQL multiplies with.';

create table if not exists scores.cuts (
    cut_on date not null,
    fit_day date not null,
    horizon_days integer not null check (horizon_days > 0),
    buckets integer not null check (buckets between 1 and 1000),
    primary key (cut_on, fit_day)
);
comment on table scores.cuts is
'Days as of which features of the past are asked for, within one transaction that is rolled back: always empty to others.';

grant usage on schema scores to moshtari_builder, moshtari_auditor;
grant select, insert, update, delete on scores.fits, scores.coefficients, scores.cuts to moshtari_builder;
grant select on scores.fits, scores.coefficients to moshtari_auditor;
