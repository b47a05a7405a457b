//! What an operator says about the table. Where DynamoDB is and who asks is the SDK's own to find out.

/// Which table, and whether to make it.
#[derive(Clone, Debug)]
pub struct DynamoSettings {
    /// The table's name.
    pub table: String,
    /// Makes the table when it is missing, paid by the request. Tables of a hospital chain are made by who runs its
    /// infrastructure, so this is off by default.
    pub create_table: bool,
}

impl Default for DynamoSettings {
    fn default() -> DynamoSettings {
        DynamoSettings { table: "carelog".to_owned(), create_table: false }
    }
}
