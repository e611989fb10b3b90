/**
 * The schema, as steps that are only ever appended: a file at version n has had the first n
 * applied.
 *
 * A request is one wide row that never changes (`requests`), one narrow row while it awaits its
 * answer (`work`), and one row once it has ended (`outcomes`, whose primary key is what makes a
 * second publication impossible). A row of `work` is in exactly one of three partial indexes:
 * ready, deferred or leased; so a lease costs what it grants, however many wait.
 */
export const SCHEMA_STEPS: readonly string[] = [
  `
  CREATE TABLE requests (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    custom_id TEXT,
    batch_id TEXT,
    model TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    lane TEXT,
    priority INTEGER NOT NULL,
    tags TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    body_segment TEXT NOT NULL,
    body_offset INTEGER NOT NULL,
    body_length INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    max_output_tokens INTEGER NOT NULL,
    prefix_key TEXT,
    group_order REAL NOT NULL,
    created_at_ms INTEGER NOT NULL,
    deadline_at_ms INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX requests_by_key ON requests (tenant, id);
  CREATE INDEX requests_by_tenant ON requests (tenant);
  CREATE INDEX requests_by_batch ON requests (tenant, batch_id) WHERE batch_id IS NOT NULL;

  CREATE TABLE work (
    seq INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    priority INTEGER NOT NULL,
    group_order REAL NOT NULL,
    due_at_ms INTEGER NOT NULL,
    owner TEXT,
    fence INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    first_attempt_at_ms INTEGER
  ) STRICT;
  CREATE INDEX work_ready ON work (model, priority, group_order) WHERE owner IS NULL AND due_at_ms = 0;
  CREATE INDEX work_deferred ON work (model, due_at_ms) WHERE owner IS NULL AND due_at_ms > 0;
  CREATE INDEX work_leased ON work (model, due_at_ms) WHERE owner IS NOT NULL;

  CREATE TABLE request_tags (
    tenant TEXT NOT NULL,
    tag TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tenant, tag, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY,
    commit_seq INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    first_attempt_at_ms INTEGER,
    status_code INTEGER NOT NULL,
    error_code TEXT,
    lane TEXT NOT NULL,
    provider TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_input_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_micro_usd REAL NOT NULL,
    finished_at_ms INTEGER NOT NULL,
    result_segment TEXT NOT NULL,
    result_offset INTEGER NOT NULL,
    result_length INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX outcomes_by_commit ON outcomes (commit_seq);
  CREATE INDEX outcomes_by_status ON outcomes (tenant, status);

  CREATE TABLE batch_counts (
    tenant TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, batch_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE backlog (
    model TEXT PRIMARY KEY,
    requests INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    max_output_tokens INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE usage_quarters (
    tenant TEXT NOT NULL,
    quarter INTEGER NOT NULL,
    model TEXT NOT NULL,
    lane TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    tags TEXT NOT NULL,
    requests INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_micro_usd REAL NOT NULL,
    PRIMARY KEY (tenant, quarter, model, lane, batch_id, tags)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE commit_marks (
    segment TEXT PRIMARY KEY,
    upto INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE capacity (
    model TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE requests ADD COLUMN reserved_micro_usd REAL;

  CREATE TABLE api_keys (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    weight INTEGER NOT NULL,
    monthly_budget_micro_usd REAL,
    created_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
  ) STRICT;

  CREATE TABLE budgets (
    tenant TEXT NOT NULL,
    month TEXT NOT NULL,
    spent_micro_usd REAL NOT NULL DEFAULT 0,
    reserved_micro_usd REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, month)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE budget_ops (
    tenant TEXT NOT NULL,
    month TEXT NOT NULL,
    op TEXT NOT NULL,
    PRIMARY KEY (tenant, month, op)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE calls (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE work ADD COLUMN route TEXT NOT NULL DEFAULT 'sync';
  DROP INDEX work_ready;
  DROP INDEX work_deferred;
  DROP INDEX work_leased;
  CREATE INDEX work_ready ON work (model, route, priority, group_order)
    WHERE owner IS NULL AND due_at_ms = 0;
  CREATE INDEX work_deferred ON work (model, route, due_at_ms) WHERE owner IS NULL AND due_at_ms > 0;
  CREATE INDEX work_leased ON work (model, route, due_at_ms) WHERE owner IS NOT NULL;

  CREATE TABLE backlog_by_route (
    model TEXT NOT NULL,
    route TEXT NOT NULL,
    requests INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    max_output_tokens INTEGER NOT NULL,
    PRIMARY KEY (model, route)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO backlog_by_route
    SELECT model, 'sync', requests, input_tokens, max_output_tokens FROM backlog;
  DROP TABLE backlog;
  ALTER TABLE backlog_by_route RENAME TO backlog;

  CREATE TABLE native_jobs (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    due_at_ms INTEGER,
    job TEXT NOT NULL
  ) STRICT;
  CREATE INDEX native_jobs_due ON native_jobs (due_at_ms) WHERE due_at_ms IS NOT NULL;
  `,
  `
  CREATE TABLE turnarounds (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (provider, model)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE outcomes ADD COLUMN batch_id TEXT;
  CREATE INDEX outcomes_by_batch ON outcomes (tenant, batch_id, commit_seq)
    WHERE batch_id IS NOT NULL;

  CREATE TABLE files (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    expires_at_ms INTEGER,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX files_by_expiry ON files (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

  CREATE TABLE uploads (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    file_id TEXT,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE upload_parts (
    tenant TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    id TEXT NOT NULL,
    blob TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (tenant, upload_id, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE batches (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    version INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX batches_by_id ON batches (tenant, id);
  CREATE INDEX batches_open ON batches (id) WHERE is_open = 1;

  CREATE TABLE id_claims (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (tenant, key)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE webhook_endpoints (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE webhook_deliveries (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at_ms INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    fault TEXT
  ) STRICT;
  CREATE UNIQUE INDEX webhook_deliveries_by_event
    ON webhook_deliveries (tenant, endpoint_id, event_id);
  CREATE INDEX webhook_deliveries_by_age
    ON webhook_deliveries (tenant, endpoint_id, created_at_ms);
  CREATE INDEX webhook_deliveries_due
    ON webhook_deliveries (due_at_ms) WHERE status = 'pending';

  CREATE TABLE provider_messages (
    provider TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    noted_at_ms INTEGER NOT NULL,
    PRIMARY KEY (provider, webhook_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX provider_messages_by_age ON provider_messages (noted_at_ms);
  `,
  'ALTER TABLE api_keys DROP COLUMN weight;',
];
