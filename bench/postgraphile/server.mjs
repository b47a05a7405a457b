// PostGraphile over the tables of Carelog's read models, as its guide to use as a library has it, in the fastest way it
// offers: a worker a core, pooled connections, prepared statements (its default), nothing logged, explained, watched or
// subscribed to. Settings: DATABASE_URL, SCHEMA, the tables
// APPOINTMENTS, PATIENTS and PRACTITIONERS, PORT, START_IS_NEVER_NULL (1 or empty). Says "ready" once all listen.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { availableParallelism } from "node:os";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { jsonPgSmartTags } from "postgraphile/utils";

const { DATABASE_URL, SCHEMA, APPOINTMENTS, PATIENTS, PRACTITIONERS, PORT, START_IS_NEVER_NULL } = process.env;
const CONNECTIONS_MAX = 16; // over all workers; as many as Carelog opens
const workers = availableParallelism();

// The tables have keys and indexes, but no foreign keys. Their views are left out by giving the tables other names.
const foreignKey = (column, table, field) => `(${column}) references ${SCHEMA}.${table} (${column})|@fieldName ${field}`;
const tags = {
  version: 1,
  config: {
    class: {
      [`${SCHEMA}.${APPOINTMENTS}`]: {
        tags: {
          name: "appointment_rows",
          foreignKey: [
            foreignKey("patient", PATIENTS, "patientRow"),
            foreignKey("practitioner", PRACTITIONERS, "practitionerRow"),
          ],
        },
      },
      [`${SCHEMA}.${PATIENTS}`]: { tags: { name: "patient_rows" } },
      [`${SCHEMA}.${PRACTITIONERS}`]: { tags: { name: "practitioner_rows" } },
    },
    attribute: START_IS_NEVER_NULL ? { [`${SCHEMA}.${APPOINTMENTS}.start_at`]: { tags: { notNull: true } } } : {},
  },
};

async function serve() {
  const pgl = postgraphile({
    extends: [PostGraphileAmberPreset],
    plugins: [jsonPgSmartTags(tags)],
    pgServices: [
      makePgService({
        connectionString: DATABASE_URL,
        schemas: [SCHEMA],
        pubsub: false,
        poolConfig: { max: Math.ceil(CONNECTIONS_MAX / workers) },
      }),
    ],
    grafast: { explain: false },
    grafserv: { graphiql: false, watch: false, websockets: false },
  });
  await pgl.getSchema();
  const server = createServer();
  await pgl.createServ(grafserv).addTo(server);
  server.listen(Number(PORT), "127.0.0.1");
}

if (cluster.isPrimary) {
  let listening = 0;
  cluster.on("listening", () => {
    listening += 1;
    if (listening === workers) console.log("ready");
  });
  // One that ends would leave fewer than were asked for: then the whole ends, and the bench says so.
  cluster.on("exit", () => process.exit(1));
  for (let worker = 0; worker < workers; worker += 1) cluster.fork();
} else {
  await serve();
}
