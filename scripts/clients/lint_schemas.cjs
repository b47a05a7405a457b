// Checks JSON Schemas (draft 2020-12) against the meta-schema, strictly: node lint_schemas.cjs FILE... Exit code 1 with every
// finding. Formats of schemars that JSON Schema does not know (uint32 ...) say nothing to a validator.
const { readFileSync } = require('node:fs');
const Ajv2020 = require('ajv/dist/2020').default;

let found = 0;
for (const file of process.argv.slice(2)) {
  const ajv = new Ajv2020({ strict: true, allErrors: true, validateFormats: false });
  try {
    ajv.compile(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    found += 1;
    console.log(`${file}: ${error.message}`);
  }
}
process.exit(found > 0 ? 1 : 0);
