with source as (

    select * from {{ feed_as_of_pin('identity_runs') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        run_id,

        -- strings
        mode,
        model_version,

        -- numerics
        records,
        new_records,
        customers,
        moved_records,
        source.merges,
        splits,
        open_reviews,
        labels,
        label_precision,
        label_recall,
        label_accuracy,

        -- dates and timestamps
        ran_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
