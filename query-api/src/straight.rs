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
use crate::sql::{Places, Row};

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

    /// The same for rows whose values stand in these places; `None` where one was not read.
    fn fitted(&self, places: Places<'_>) -> Option<Fitted> {
        let steps = self.0.iter().map(|(_, step)| step.fitted(places)).collect::<Option<_>>()?;
        let blank = self.0.iter().map(|(key, _)| (key.clone(), Value::Null)).collect();
        Some(Fitted { steps, blank })
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

    fn fitted(&self, places: Places<'_>) -> Option<FittedStep> {
        Some(match self {
            Step::Named(name) => FittedStep::Named(name.clone()),
            Step::Shown { column, show, may_be_null } => {
                FittedStep::Shown { at: places.of(column)?, show: *show, may_be_null: *may_be_null }
            }
            Step::Led { column, plan } => {
                let (key, led) = places.beside(column)?;
                FittedStep::Led { key, plan: plan.fitted(led)? }
            }
        })
    }
}

/// A plan for rows of one shape.
struct Fitted {
    steps: Vec<FittedStep>,
    /// An object without values. A copy of it costs less than putting one key after the other into another.
    blank: IndexMap<Name, Value>,
}

/// A step that knows where the values stand.
enum FittedStep {
    Named(Value),
    Shown { at: usize, show: Show, may_be_null: bool },
    Led { key: usize, plan: Fitted },
}

impl Fitted {
    /// The object; `None` where a row is not as the projections write it.
    fn object(&self, values: &[SqlValue]) -> Option<Value> {
        let mut fields = self.blank.clone();
        for (value, step) in fields.values_mut().zip(&self.steps) {
            *value = step.value(values)?;
        }
        Some(Value::Object(fields))
    }
}

impl FittedStep {
    fn value(&self, values: &[SqlValue]) -> Option<Value> {
        match self {
            FittedStep::Named(name) => Some(name.clone()),
            FittedStep::Shown { at, show, may_be_null } => match values.get(*at)? {
                SqlValue::Null => may_be_null.then_some(Value::Null),
                value => show(value),
            },
            FittedStep::Led { key, plan } => match values.get(*key)? {
                SqlValue::Null => Some(Value::Null),
                _ => plan.object(values),
            },
        }
    }
}

/// Makes the objects of rows that come one after the other, most of them of one shape.
struct Maker<'p> {
    plan: &'p Plan,
    /// How it was last done, and of which row.
    last: Option<(Row, Fitted)>,
}

impl Maker<'_> {
    /// The object; `None` where something was not read, or is not as the projections write it.
    fn object(&mut self, row: &Row) -> Option<Value> {
        match &self.last {
            Some((last, fitted)) if row.is_like(last) => fitted.object(row.all()),
            _ => {
                let fitted = self.plan.fitted(row.places())?;
                let object = fitted.object(row.all());
                self.last = Some((row.clone(), fitted));
                object
            }
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

    fn made(&self, make: impl FnMut(&Self::Each) -> Option<Value>) -> Option<Value>;
}

impl<T: OutputType + FromRow> Objects for &T {
    type Each = T;

    fn made(&self, mut make: impl FnMut(&T) -> Option<Value>) -> Option<Value> {
        make(self)
    }
}

impl<T: OutputType + FromRow> Objects for Vec<&T> {
    type Each = T;

    fn made(&self, mut make: impl FnMut(&T) -> Option<Value>) -> Option<Value> {
        let mut objects = Vec::with_capacity(self.len());
        for each in self {
            objects.push(make(each)?);
        }
        Some(Value::List(objects))
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
        let made = self.plan.as_ref().and_then(|plan| {
            let mut maker = Maker { plan, last: None };
            self.objects.made(|each| maker.object(each.row()?))
        });
        match made {
            Some(value) => Ok(value),
            None => self.objects.resolve(ctx, field).await,
        }
    }
}
