// Checks an AsyncAPI document by AsyncAPI's own parser: node lint_asyncapi.cjs FILE. Exit code 1 with every finding of the
// levels error and warning; what is left are hints about style.
const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');

const [error, warning] = [0, 1];

new Parser().parse(readFileSync(process.argv[2], 'utf8')).then(({ document, diagnostics }) => {
  const found = diagnostics.filter(each => each.severity === error || each.severity === warning);
  for (const each of found) console.log(`${each.code} at ${each.path.join('/')}: ${each.message}`);
  if (!document) console.log('the document could not be parsed');
  process.exit(found.length > 0 || !document ? 1 : 0);
});
