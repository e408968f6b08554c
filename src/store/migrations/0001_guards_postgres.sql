-- What is written once stays: the engine refuses to change or delete it, whoever asks.

CREATE FUNCTION esclusa_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are never changed or deleted', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER events_are_kept BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION esclusa_refuse();

CREATE TRIGGER ledger_stay BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER ledger_are_kept BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION esclusa_refuse();

CREATE TRIGGER decisions_stay BEFORE UPDATE OR DELETE ON decisions FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER decisions_are_kept BEFORE TRUNCATE ON decisions FOR EACH STATEMENT EXECUTE FUNCTION esclusa_refuse();

CREATE TRIGGER documents_stay BEFORE UPDATE OR DELETE ON documents FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER documents_are_kept BEFORE TRUNCATE ON documents FOR EACH STATEMENT EXECUTE FUNCTION esclusa_refuse();

CREATE TRIGGER runs_stay BEFORE UPDATE OF id, system, environment, kind, playbook, plan, release, prediction, requested_by, requested_by_machine, route, body, first_state, opened_at, opened_seq, opened_hash ON runs FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER runs_are_kept BEFORE DELETE ON runs FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER runs_are_not_emptied BEFORE TRUNCATE ON runs FOR EACH STATEMENT EXECUTE FUNCTION esclusa_refuse();

CREATE TRIGGER gates_stay BEFORE UPDATE OF id, run, environment, subject, opened_at, decide_by ON gates FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER gates_are_kept BEFORE DELETE ON gates FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER gates_are_not_emptied BEFORE TRUNCATE ON gates FOR EACH STATEMENT EXECUTE FUNCTION esclusa_refuse();

CREATE TRIGGER backups_stay BEFORE UPDATE OF id, run, system, environment, taken_at, size_bytes, vault, manifest ON backups FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER backups_are_kept BEFORE DELETE ON backups FOR EACH ROW EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER backups_are_not_emptied BEFORE TRUNCATE ON backups FOR EACH STATEMENT EXECUTE FUNCTION esclusa_refuse();

-- A run that has ended, and a gate that is closed, stay so.
CREATE TRIGGER runs_end_once BEFORE UPDATE ON runs FOR EACH ROW
    WHEN (OLD.final_exit IS NOT NULL) EXECUTE FUNCTION esclusa_refuse();
CREATE TRIGGER gates_close_once BEFORE UPDATE ON gates FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION esclusa_refuse();
