// Azurite's table service with one thing mended: it walks the whole table for each query, which takes 40 ms at 100,000
// rows whatever is asked for. The service that it stands for finds a partition by its key. So does this: Azurite's own
// code still judges, sorts and pages, but is handed only the partitions that the query names.
"use strict";
const path = require("node:path");

const home = path.resolve(__dirname, "../node_modules/azurite/dist/src/table");
const Store = require(path.join(home, "persistence/LokiTableMetadataStore")).default;
const parse = require(path.join(home, "persistence/QueryInterpreter/QueryParser")).default;

const holds = {
  eq: (key, value) => key === value,
  ge: (key, value) => key >= value,
  gt: (key, value) => key > value,
  le: (key, value) => key <= value,
  lt: (key, value) => key < value,
};

// What every row must meet of conditions on PartitionKey: those that stand in the filter joined by nothing but "and".
function named(filter) {
  const found = [];
  const walk = (node) => {
    if (node.name === "and") {
      walk(node.left);
      walk(node.right);
    } else if (node.name in holds && node.left.identifier === "PartitionKey" && typeof node.right.value === "string") {
      found.push([holds[node.name], node.right.value]);
    }
  };
  try {
    walk(parse(filter));
  } catch {
    return []; // Azurite tells what is wrong with it
  }
  return found;
}

// Collection → partition → row by its Loki id; made at the first query, kept by Loki's own events.
const indexes = new WeakMap();

function indexOf(collection) {
  let index = indexes.get(collection);
  if (index === undefined) {
    index = new Map();
    const keep = (row) => {
      if (!index.has(row.PartitionKey)) {
        index.set(row.PartitionKey, new Map());
      }
      index.get(row.PartitionKey).set(row.$loki, row);
    };
    collection.data.forEach(keep);
    collection.on("insert", keep);
    collection.on("update", keep); // keys never change
    collection.on("delete", (row) => index.get(row.PartitionKey)?.delete(row.$loki));
    indexes.set(collection, index);
  }
  return index;
}

// As much of Loki's chain as a query uses.
class Rows {
  constructor(rows) {
    this.rows = rows;
  }
  where(meets) {
    return new Rows(this.rows.filter(meets));
  }
  sort(order) {
    return new Rows(this.rows.toSorted(order));
  }
  limit(most) {
    return new Rows(this.rows.slice(0, most));
  }
  data() {
    return this.rows;
  }
}

const original = Store.prototype.queryTableEntities;

Store.prototype.queryTableEntities = async function (context, account, table, options, ...rest) {
  const conditions = options.filter ? named(options.filter) : [];
  if (conditions.length === 0) {
    return original.call(this, context, account, table, options, ...rest);
  }
  const index = indexOf(this.getEntityCollection(account, table, context));
  const rows = [];
  for (const [partition, held] of index) {
    if (conditions.every(([meets, value]) => meets(partition, value))) {
      for (const row of held.values()) {
        rows.push(row);
      }
    }
  }
  const narrowed = Object.create(this, { getEntityCollection: { value: () => ({ chain: () => new Rows(rows) }) } });
  return original.call(narrowed, context, account, table, options, ...rest);
};

require(path.join(home, "main"));
