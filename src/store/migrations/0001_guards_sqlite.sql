-- What is written once stays: the engine refuses to change or delete it, whoever asks.

CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;
CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'events are never deleted');
END;

CREATE TRIGGER ledger_stay BEFORE UPDATE ON ledger BEGIN
    SELECT RAISE(ABORT, 'ledger are never changed');
END;
CREATE TRIGGER ledger_are_kept BEFORE DELETE ON ledger BEGIN
    SELECT RAISE(ABORT, 'ledger are never deleted');
END;

CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions BEGIN
    SELECT RAISE(ABORT, 'decisions are never changed');
END;
CREATE TRIGGER decisions_are_kept BEFORE DELETE ON decisions BEGIN
    SELECT RAISE(ABORT, 'decisions are never deleted');
END;

CREATE TRIGGER documents_stay BEFORE UPDATE ON documents BEGIN
    SELECT RAISE(ABORT, 'documents are never changed');
END;
CREATE TRIGGER documents_are_kept BEFORE DELETE ON documents BEGIN
    SELECT RAISE(ABORT, 'documents are never deleted');
END;

CREATE TRIGGER runs_stay BEFORE UPDATE OF id, system, environment, kind, playbook, plan, release, prediction, requested_by, requested_by_machine, route, body, first_state, opened_at, opened_seq, opened_hash ON runs BEGIN
    SELECT RAISE(ABORT, 'what runs began with is never changed');
END;
CREATE TRIGGER runs_are_kept BEFORE DELETE ON runs BEGIN
    SELECT RAISE(ABORT, 'runs are never deleted');
END;

CREATE TRIGGER gates_stay BEFORE UPDATE OF id, run, environment, subject, opened_at, decide_by ON gates BEGIN
    SELECT RAISE(ABORT, 'what gates began with is never changed');
END;
CREATE TRIGGER gates_are_kept BEFORE DELETE ON gates BEGIN
    SELECT RAISE(ABORT, 'gates are never deleted');
END;

CREATE TRIGGER backups_stay BEFORE UPDATE OF id, run, system, environment, taken_at, size_bytes, vault, manifest ON backups BEGIN
    SELECT RAISE(ABORT, 'what backups began with is never changed');
END;
CREATE TRIGGER backups_are_kept BEFORE DELETE ON backups BEGIN
    SELECT RAISE(ABORT, 'backups are never deleted');
END;

-- A run that has ended, and a gate that is closed, stay so.
CREATE TRIGGER runs_end_once BEFORE UPDATE ON runs WHEN OLD.final_exit IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'a run that has ended is never changed');
END;
CREATE TRIGGER gates_close_once BEFORE UPDATE ON gates WHEN OLD.closed_at IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'a gate that is closed is never changed');
END;
