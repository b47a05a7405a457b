//! Completes an answer as the specification wants it. async-graphql leaves a field out when it fails, and sorts fields by
//! when they were ready; here a failed field becomes null, null where it may not be takes its parent with it, and fields
//! come in the order they were asked for.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Name, Value};

/// The types of all fields of all objects.
#[derive(Clone)]
pub(crate) struct Shapes(Arc<HashMap<String, HashMap<String, Type>>>);

/// What the answer to an operation looks like: the fields of an object in the order they were asked for. Made once, it
/// fits every row of a list.
pub(crate) struct Plan(Vec<Planned>);

/// A field of the answer.
pub(crate) struct Planned {
    key: Name,
    /// True when `@skip` or `@include` may have left it out.
    conditional: bool,
    /// Unknown for what GraphQL itself answers, which is left as it is.
    ty: Option<Type>,
    /// Of the objects that it holds, if it holds any.
    inner: Option<Plan>,
}

/// Null stood where it may not.
struct NullReached;

/// A field that was asked for, with everything that was asked of it.
struct Asked<'d> {
    field: &'d Field,
    sets: Vec<&'d SelectionSet>,
    conditional: bool,
}

impl Shapes {
    /// Reads them from the schema in its own language.
    pub(crate) fn of(sdl: &str) -> Shapes {
        let document = async_graphql::parser::parse_schema(sdl).expect("the schema's own text is GraphQL");
        let mut shapes = HashMap::new();
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            if let TypeKind::Object(object) = definition.node.kind {
                let fields = object.fields.into_iter().map(|field| field.node);
                let fields = fields.map(|field| (field.name.node.to_string(), field.ty.node)).collect();
                shapes.insert(definition.node.name.node.to_string(), fields);
            }
        }
        Shapes(Arc::new(shapes))
    }

    /// The plan for the answer to an operation; without a name, to the first.
    pub(crate) fn plan(&self, document: &ExecutableDocument, operation: Option<&str>) -> Option<Plan> {
        let found = match &document.operations {
            DocumentOperations::Single(operation) => &operation.node,
            DocumentOperations::Multiple(operations) => {
                let mut all = operations.iter();
                let named = operation.and_then(|wanted| operations.iter().find(|(name, _)| name.as_str() == wanted));
                &named.or_else(|| all.next())?.1.node
            }
        };
        let root = if found.ty == OperationType::Subscription { "Subscription" } else { "Query" };
        self.objects(document, root, &[&found.selection_set.node])
    }

    /// The plan for objects of a type; `None` for what is no object.
    fn objects(&self, document: &ExecutableDocument, name: &str, sets: &[&SelectionSet]) -> Option<Plan> {
        let types = self.0.get(name)?;
        let mut asked = IndexMap::new();
        sets.iter().for_each(|set| collect(document, set, false, &mut asked));
        let planned = asked.into_iter().map(|(key, Asked { field, sets, conditional })| {
            let ty = types.get(field.name.node.as_str()).cloned();
            let inner = ty.as_ref().and_then(|ty| self.objects(document, innermost(&ty.base), &sets));
            Planned { key, conditional, ty, inner }
        });
        Some(Plan(planned.collect()))
    }
}

/// The name of what a list, or a list of lists, holds.
fn innermost(base: &BaseType) -> &str {
    match base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => innermost(&inner.base),
    }
}

impl Plan {
    /// The data of an operation, complete.
    pub(crate) fn data(&self, data: Value) -> Value {
        // An answer whose every field failed is not an object at all any more.
        let fields = match data {
            Value::Object(fields) => fields,
            _ => IndexMap::new(),
        };
        self.complete(fields).unwrap_or(Value::Null)
    }

    /// How many fields it has, those of the objects in it counted.
    pub(crate) fn fields(&self) -> usize {
        self.0.iter().map(|planned| 1 + planned.inner.as_ref().map_or(0, Plan::fields)).sum()
    }

    /// An object, complete.
    fn complete(&self, mut fields: IndexMap<Name, Value>) -> Result<Value, NullReached> {
        if self.has_order_of(&fields) {
            for (planned, value) in self.0.iter().zip(fields.values_mut()) {
                *value = planned.complete(Some(std::mem::take(value)))?;
            }
            return Ok(Value::Object(fields));
        }
        let mut complete = IndexMap::with_capacity(self.0.len());
        for planned in &self.0 {
            let value = fields.swap_remove(&planned.key);
            if value.is_none() && planned.conditional {
                continue;
            }
            complete.insert(planned.key.clone(), planned.complete(value)?);
        }
        Ok(Value::Object(complete))
    }

    /// True when every field is there and in its place.
    fn has_order_of(&self, fields: &IndexMap<Name, Value>) -> bool {
        self.0.len() == fields.len() && self.0.iter().zip(fields.keys()).all(|(planned, key)| planned.key == *key)
    }
}

impl Planned {
    fn complete(&self, value: Option<Value>) -> Result<Value, NullReached> {
        match &self.ty {
            Some(ty) => self.of_type(ty, value),
            None => Ok(value.unwrap_or_default()),
        }
    }

    fn of_type(&self, ty: &Type, value: Option<Value>) -> Result<Value, NullReached> {
        let complete = match (&ty.base, value) {
            (_, None | Some(Value::Null)) => Err(NullReached),
            (BaseType::List(inner), Some(Value::List(items))) => {
                let items = items.into_iter().map(|item| self.of_type(inner, Some(item)));
                items.collect::<Result<_, _>>().map(Value::List)
            }
            (BaseType::Named(_), Some(Value::Object(fields))) => match &self.inner {
                Some(plan) => plan.complete(fields),
                None => Ok(Value::Object(fields)),
            },
            (_, Some(value)) => Ok(value),
        };
        match complete {
            Err(NullReached) if ty.nullable => Ok(Value::Null),
            complete => complete,
        }
    }
}

/// The fields of a selection in order, those of fragments in their place. No type here has another's fields, so that
/// every fragment applies.
fn collect<'d>(
    document: &'d ExecutableDocument,
    set: &'d SelectionSet,
    conditional: bool,
    asked: &mut IndexMap<Name, Asked<'d>>,
) {
    for selection in &set.items {
        let conditional = conditional || !selection.node.directives().is_empty();
        match &selection.node {
            Selection::Field(field) => {
                let key = field.node.response_key().node.clone();
                let entry = asked.entry(key).or_insert_with(|| Asked { field: &field.node, sets: vec![], conditional });
                entry.sets.push(&field.node.selection_set.node);
                entry.conditional &= conditional;
            }
            Selection::InlineFragment(fragment) => {
                collect(document, &fragment.node.selection_set.node, conditional, asked);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    collect(document, &fragment.node.selection_set.node, conditional, asked);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::value;

    use super::*;

    fn complete(query: &str, data: Value) -> String {
        let shapes = Shapes::of("type Query { a: A b: A! n: Int } type A { x: Int! y: Int list: [A!] hard: [A!]! }");
        let document = parse_query(query).expect("a query");
        serde_json::to_string(&shapes.plan(&document, None).expect("a plan").data(data)).expect("json")
    }

    #[test]
    fn a_failed_field_is_null_and_fields_come_in_the_order_asked() {
        assert_eq!(complete("{ n a { y x } }", value!({ "a": { "x": 1, "y": 2 } })), r#"{"n":null,"a":{"y":2,"x":1}}"#);
        assert_eq!(complete("{ n }", Value::Null), r#"{"n":null}"#);
    }

    #[test]
    fn null_where_it_may_not_be_takes_its_parent_with_it() {
        assert_eq!(complete("{ n a { y x } }", value!({ "n": 1, "a": { "y": 2 } })), r#"{"n":1,"a":null}"#);
        assert_eq!(complete("{ n b { x } }", value!({ "n": 1 })), "null");
        let inner = value!({ "a": { "y": 1, "list": [{ "x": 1 }, { "y": 1 }] } });
        assert_eq!(complete("{ a { y list { x } } }", inner), r#"{"a":{"y":1,"list":null}}"#);
        let hard = value!({ "a": { "y": 1, "hard": [{ "x": 1 }, {}] } });
        assert_eq!(complete("{ a { y hard { x } } }", hard), r#"{"a":null}"#);
    }

    #[test]
    fn what_was_skipped_stays_away_and_fragments_are_in_their_place() {
        let query = "query($s: Boolean!) { n @skip(if: $s) ...F a { y } } fragment F on Query { a { x } }";
        assert_eq!(complete(query, value!({ "a": { "y": 2, "x": 1 } })), r#"{"a":{"x":1,"y":2}}"#);
    }
}
