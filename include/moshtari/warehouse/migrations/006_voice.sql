create schema if not exists voice;
comment on schema voice is 'What texts say: classes by the hash of their content, and the fitted sentiment model. No text.';

-- The one definition of a text's identity: the classifier and the models of dbt both call it.
create or replace function voice.text_hash(first text, second text default '', third text default '')
returns uuid
language sql immutable parallel safe
return md5(
    coalesce(first, '') || chr(31) || coalesce(second, '') || chr(31) || coalesce(third, '')
)::uuid;
comment on function voice.text_hash is 'Identity of a text by its content: subject, body and comment of a ticket; the text of a post; the comment of a survey.';

create table if not exists voice.fits (
    fit_day date primary key,
    is_used boolean not null,
    because text not null,
    in_force date references voice.fits (fit_day),
    rated_texts integer not null,
    training_texts integer not null,
    held_out_texts integer not null,
    held_out_negative integer,
    held_out_positive integer,
    accuracy double precision,
    macro_f1 double precision,
    lexicon_accuracy double precision,
    lexicon_macro_f1 double precision,
    confusion jsonb,
    lexicon_confusion jsonb,
    lexicon_weight double precision,
    intercept double precision,
    neutral_band double precision,
    fitted_at timestamptz not null default clock_timestamp()
);
comment on table voice.fits is 'One row for each fit day: the sentiment model fitted on the rated texts known by then, its figures on held-out ones, and which fit has been in force since.';

create table if not exists voice.weights (
    fit_day date not null references voice.fits (fit_day) on delete cascade,
    bucket integer not null,
    idf real not null,
    weight real not null,
    primary key (fit_day, bucket)
);
comment on table voice.weights is 'The coefficients of each fit that was put in force, by hashed feature: no word of a text can be read from them.';

create table if not exists voice.classes (
    text_hash uuid not null,
    version text not null,
    language text,
    kind text not null check (kind in ('question', 'complaint', 'suggestion', 'praise', 'other')),
    topic text not null,
    sentiment text not null check (sentiment in ('negative', 'neutral', 'positive')),
    sentiment_score real not null check (sentiment_score between -1 and 1),
    competitor text,
    classified_by text not null check (classified_by in ('lexicon', 'model')),
    primary key (text_hash, version)
);
comment on table voice.classes is 'What a text says, one row for each content and version of the rules and the model.';

create table if not exists voice.loads (
    version text not null,
    load_id bigint not null,
    primary key (version, load_id)
);
comment on table voice.loads is 'Loads whose texts are all classified under a version, so that a night reads new ones only.';

create table if not exists voice.days (
    as_of_date date primary key,
    version text not null,
    classified_at timestamptz not null default clock_timestamp()
);
comment on table voice.days is 'The version of the classes that a business day''s models read.';

grant usage on schema voice to moshtari_builder, moshtari_auditor;
grant select, insert, update, delete on all tables in schema voice to moshtari_builder;
grant select on all tables in schema voice to moshtari_auditor;
