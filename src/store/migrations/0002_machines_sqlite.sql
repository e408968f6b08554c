-- The plans that were stored before, and the claims that are held.
INSERT INTO machines (plan, server, machine)
SELECT d.digest, s.key,
    'at ' || lower(json_extract(s.value, '$.server.address')) || ':' ||
    coalesce(json_extract(s.value, '$.server.port'), 22)
FROM documents d, json_each(CASE WHEN d.kind = 'plan' THEN d.body ELSE '{}' END, '$.servers') s
WHERE json_extract(s.value, '$.server.address') IS NOT NULL;
INSERT OR IGNORE INTO machines (plan, server, machine)
SELECT d.digest, s.key, 'key ' || k.value
FROM documents d, json_each(CASE WHEN d.kind = 'plan' THEN d.body ELSE '{}' END, '$.servers') s,
    json_each(s.value, '$.server.host_keys') k;
INSERT OR IGNORE INTO claimed_machines (machine, environment, server, run, since)
SELECT m.machine, c.environment, c.server, c.run, c.since
FROM claims c JOIN runs r ON r.id = c.run JOIN machines m ON m.plan = r.plan AND m.server = c.server;

CREATE TRIGGER machines_stay BEFORE UPDATE ON machines BEGIN
    SELECT RAISE(ABORT, 'machines are never changed');
END;
CREATE TRIGGER machines_are_kept BEFORE DELETE ON machines BEGIN
    SELECT RAISE(ABORT, 'machines are never deleted');
END;
