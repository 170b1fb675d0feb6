/**
 * The database's schema, as numbered steps that are never edited once released: a database at version n is brought up
 * to date by the steps after n, in one transaction each (`PRAGMA user_version` holds n). Times are Unix milliseconds.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE devices (
    device         TEXT PRIMARY KEY,
    public_key     TEXT NOT NULL,
    enrolled_at_ms INTEGER NOT NULL,
    revoked        INTEGER NOT NULL DEFAULT 0,
    tags           TEXT NOT NULL,
    pins           TEXT NOT NULL,
    attributes     TEXT NOT NULL,
    models         TEXT NOT NULL,
    agent_version  TEXT,
    seen_at_ms     INTEGER,
    -- The hello that attributes and agent_version are from.
    hello_boot_count INTEGER NOT NULL DEFAULT -1,
    -- Per model the [boot count, sequence] of the status that its entry in models is from; none: from the hello.
    models_from    TEXT NOT NULL DEFAULT '{}',
    -- 0: it must be looked at again whether the device is in a rollout's stage.
    placed         INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX devices_unplaced ON devices (device) WHERE placed = 0;

  CREATE TABLE enrolment_tokens (
    hash          TEXT PRIMARY KEY,
    uses_left     INTEGER NOT NULL,
    expires_at_ms INTEGER,
    tags          TEXT NOT NULL
  ) STRICT;

  CREATE TABLE operator_tokens (hash TEXT PRIMARY KEY) STRICT;

  CREATE TABLE cohorts (
    id       TEXT PRIMARY KEY,
    cel      TEXT NOT NULL,
    priority INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE rollouts (
    rollout       TEXT PRIMARY KEY,
    model         TEXT NOT NULL,
    status        TEXT NOT NULL,
    state         TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX rollouts_by_model ON rollouts (model);

  CREATE TABLE rollout_devices (
    rollout        TEXT NOT NULL,
    device         TEXT NOT NULL,
    arm            TEXT NOT NULL,
    stage          INTEGER NOT NULL,
    state          TEXT NOT NULL,
    timed_out      INTEGER NOT NULL,
    activated      INTEGER NOT NULL,
    holds          INTEGER NOT NULL,
    boot_count     INTEGER,
    boot           TEXT,
    sequence       INTEGER,
    at_ms          INTEGER,
    deadline_at_ms INTEGER,
    variant        TEXT,
    code           TEXT,
    detail         TEXT NOT NULL,
    PRIMARY KEY (rollout, device)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX rollout_deadlines ON rollout_devices (rollout, deadline_at_ms) WHERE deadline_at_ms IS NOT NULL;

  CREATE TABLE rollout_events (
    id      INTEGER PRIMARY KEY,
    rollout TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    what    TEXT NOT NULL,
    stage   INTEGER NOT NULL,
    reason  TEXT NOT NULL
  ) STRICT;
  CREATE INDEX rollout_events_by_rollout ON rollout_events (rollout, id);

  -- Per boot: every sequence up to the watermark is committed, and those in sequences_ahead.
  CREATE TABLE boots (
    device     TEXT NOT NULL,
    boot       TEXT NOT NULL,
    boot_count INTEGER NOT NULL,
    watermark  INTEGER NOT NULL,
    PRIMARY KEY (device, boot)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE sequences_ahead (
    device   TEXT NOT NULL,
    boot     TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (device, boot, sequence)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE run_aggregates (
    model         TEXT NOT NULL,
    release       TEXT NOT NULL,
    variant       TEXT NOT NULL,
    -- Empty, with an empty arm and stage 0: outside of any rollout.
    rollout       TEXT NOT NULL,
    arm           TEXT NOT NULL,
    stage         INTEGER NOT NULL,
    runs          INTEGER NOT NULL,
    errors        INTEGER NOT NULL,
    labelled_runs INTEGER NOT NULL,
    correct       INTEGER NOT NULL,
    latency       TEXT NOT NULL,
    confidence    TEXT NOT NULL,
    PRIMARY KEY (model, release, variant, rollout, arm, stage)
  ) STRICT, WITHOUT ROWID;

  -- Documents that are to be published anew; AUTOINCREMENT so that an id never comes back.
  CREATE TABLE outbox (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL
  ) STRICT;

  -- What is published, byte for byte.
  CREATE TABLE documents (
    kind           TEXT NOT NULL,
    name           TEXT NOT NULL,
    sequence       INTEGER NOT NULL,
    content_digest TEXT NOT NULL,
    expires_at_ms  INTEGER NOT NULL,
    bytes          BLOB NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
  `,
];
