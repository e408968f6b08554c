-- The plans that were stored before, and the claims that are held.
INSERT INTO machines (plan, server, machine)
WITH plans AS MATERIALIZED (SELECT digest, CAST(body AS json) AS body FROM documents WHERE kind = 'plan'),
servers AS MATERIALIZED (
    SELECT p.digest, s.key AS server, s.value -> 'server' AS value
    FROM plans p, LATERAL json_each(p.body -> 'servers') s
)
SELECT digest, server, 'at ' || lower(value ->> 'address') || ':' || coalesce(value ->> 'port', '22')
FROM servers WHERE value ->> 'address' IS NOT NULL
UNION
SELECT digest, server, 'key ' || k.value
FROM servers, LATERAL json_array_elements_text(value -> 'host_keys') k;
INSERT INTO claimed_machines (machine, environment, server, run, since)
SELECT m.machine, c.environment, c.server, c.run, c.since
FROM claims c JOIN runs r ON r.id = c.run JOIN machines m ON m.plan = r.plan AND m.server = c.server
ON CONFLICT (machine) DO NOTHING;

CREATE TRIGGER machines_stay BEFORE UPDATE OR DELETE ON machines FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER machines_are_kept BEFORE TRUNCATE ON machines FOR EACH STATEMENT EXECUTE FUNCTION esclusa_refuse();
