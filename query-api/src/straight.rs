//! Objects of a page made straight from its rows. Running a resolver for each field of each row costs more than reading
//! the rows; where all that is asked for stands in rows that were read, nothing has to be run. Anything else, and whatever
//! is not as it should be, is left to the resolvers, which know what to say of it.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field as Selected;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, Name, OutputType, Positioned, SelectionField, ServerResult, Value};
use carelog_domain::ports::SqlValue;

use crate::fields::{Field, Fields, Made, Show};
use crate::loading::FromRow;
use crate::sql::Row;

/// How an object is made from its row: its fields in the order they were asked for.
struct Plan(Vec<(Name, Step)>);

enum Step {
    /// `__typename`.
    Named(Value),
    Shown {
        column: &'static str,
        show: Show,
        may_be_null: bool,
    },
    Led {
        column: &'static str,
        plan: Plan,
    },
}

impl Plan {
    /// `None` where something is asked for that is not in rows alone.
    fn of<'f>(type_name: &str, known: Fields, asked: impl Iterator<Item = SelectionField<'f>>) -> Option<Plan> {
        let mut steps: Vec<(Name, Step)> = Vec::new();
        for selected in asked {
            let key = selected.alias().unwrap_or_else(|| selected.name());
            // What is asked for twice is put together by others, and so is what a directive changes.
            let is_plain = selected.directives().is_ok_and(|directives| directives.is_empty());
            if !is_plain || steps.iter().any(|(other, _)| other == key) {
                return None;
            }
            let step = match selected.name() {
                "__typename" => Step::Named(Value::from(type_name)),
                name => Step::of(Field::named(known, name)?, &selected)?,
            };
            steps.push((Name::new(key), step));
        }
        Some(Plan(steps))
    }

    /// The object; `None` where a row is missing or is not as the projections write it.
    fn object(&self, row: &Row) -> Option<Value> {
        let mut fields = IndexMap::with_capacity(self.0.len());
        for (key, step) in &self.0 {
            fields.insert(key.clone(), step.value(row)?);
        }
        Some(Value::Object(fields))
    }
}

impl Step {
    fn of(field: &'static Field, selected: &SelectionField<'_>) -> Option<Step> {
        let column = *field.columns.first()?;
        match field.made {
            Made::Resolved => None,
            Made::Shown { show, may_be_null } => Some(Step::Shown { column, show, may_be_null }),
            Made::Led(to) => {
                let kind = to();
                let plan = Plan::of(&(kind.name)(), kind.fields, selected.selection_set())?;
                Some(Step::Led { column, plan })
            }
        }
    }

    fn value(&self, row: &Row) -> Option<Value> {
        match self {
            Step::Named(name) => Some(name.clone()),
            Step::Shown { column, show, may_be_null } => match row.find(column)? {
                SqlValue::Null => may_be_null.then_some(Value::Null),
                value => show(value),
            },
            Step::Led { column, plan } => match row.beside(column)? {
                Some(led) => plan.object(&led),
                None => Some(Value::Null),
            },
        }
    }
}

/// Objects of one list, made by a plan if there is one that fits, by their resolvers otherwise.
pub(crate) struct Straight<V> {
    plan: Option<Plan>,
    objects: V,
}

/// One object, or a list of them.
pub(crate) trait Objects: OutputType {
    /// What they are.
    type Each: OutputType + FromRow;

    fn made(&self, make: impl Fn(&Self::Each) -> Option<Value>) -> Option<Value>;
}

impl<T: OutputType + FromRow> Objects for &T {
    type Each = T;

    fn made(&self, make: impl Fn(&T) -> Option<Value>) -> Option<Value> {
        make(self)
    }
}

impl<T: OutputType + FromRow> Objects for Vec<&T> {
    type Each = T;

    fn made(&self, make: impl Fn(&T) -> Option<Value>) -> Option<Value> {
        self.iter().map(|each| make(each)).collect::<Option<_>>().map(Value::List)
    }
}

impl<V: Objects> Straight<V> {
    /// As the field being resolved asks for them.
    pub(crate) fn new(ctx: &Context<'_>, objects: V) -> Straight<V> {
        let plan = Plan::of(&V::Each::type_name(), V::Each::FIELDS, ctx.field().selection_set());
        Straight { plan, objects }
    }
}

impl<V: Objects> OutputType for Straight<V> {
    fn type_name() -> Cow<'static, str> {
        V::type_name()
    }

    fn qualified_type_name() -> String {
        V::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        V::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Selected>) -> ServerResult<Value> {
        let made = self.plan.as_ref().and_then(|plan| self.objects.made(|each| plan.object(each.row()?)));
        match made {
            Some(value) => Ok(value),
            None => self.objects.resolve(ctx, field).await,
        }
    }
}
