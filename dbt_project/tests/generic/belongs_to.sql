{# Every row whose columns are all given has its row in `to`; with `unproven: true` only unproven rows are looked at. #}
{% test belongs_to(model, columns, to, unproven=false) %}
select distinct {% for column in columns %}child.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
from {{ model }} as child
where
    {% for column in columns %}child.{{ column }} is not null and {% endfor %}
    {% if unproven %}child._build_id > {{ proven_build() }} and {% endif %}
    not exists (
        select 1 from {{ to }} as parent
        where {% for column in columns %}parent.{{ column }} = child.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    )
{% endtest %}
