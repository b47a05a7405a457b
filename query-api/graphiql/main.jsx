// GraphiQL for /graphiql: queries by POST to /graphql, subscriptions by graphql-transport-ws to /graphql/ws.
// Bundled once (`npm ci && npm run build` here); the bundle is committed, so the program needs no internet.
import 'graphiql/graphiql.css';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';

const welcome = `# Carelog, queries. Commands are REST: see /swagger-ui.
# Press Ctrl-Space for suggestions; the book icon on the left holds the documentation.

query NextAppointments {
  hospitals { nodes { id name } }
  appointments(first: 10, filter: { statuses: [BOOKED] }) {
    totalCount
    nodes {
      start
      status
      patient { name }
      practitioner { name }
      invoice { number status totalGross { amount currency } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

const at = (path) => new URL(path, window.location.href).toString();
const wsClient = createClient({ url: at('/graphql/ws').replace(/^http/, 'ws'), lazy: true });
const fetcher = createGraphiQLFetcher({ url: at('/graphql'), wsClient });

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL fetcher={fetcher} defaultQuery={welcome} shouldPersistHeaders={false} />,
);
