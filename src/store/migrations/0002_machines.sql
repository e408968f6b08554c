-- Format 2. Names of servers and environments change; what tells a machine from another is kept for every
-- plan, as `at ADDRESS:PORT` and `key HOST KEY`, so that its policy is found and it is claimed once.

CREATE TABLE machines (
    plan    TEXT NOT NULL REFERENCES documents (digest),
    server  TEXT NOT NULL,
    machine TEXT NOT NULL,
    PRIMARY KEY (plan, server, machine)
);
CREATE INDEX machines_by_machine ON machines (machine, plan);
CREATE INDEX runs_by_plan ON runs (plan);

CREATE TABLE claimed_machines (
    machine     TEXT   NOT NULL PRIMARY KEY,
    environment TEXT   NOT NULL,
    server      TEXT   NOT NULL,
    run         TEXT   NOT NULL REFERENCES runs (id),
    since       BIGINT NOT NULL
);
