//! Fields that name an approval: the id of a run in this store in which a gate was approved.

use super::{Deed, KIND, load, subordinate};
use crate::{
    approval::Verdict,
    executor::{self, ExecutorError, Site, sheet::Asked},
    model::{RunId, SystemName},
    procedure::{ActivityKind, Answer, FieldKind, ProcedureRun, Took, state::Position},
    store::{RunRow, StoreError},
};

/// The run that called this one: who called it has decided that it may be done.
pub async fn given_by_caller(site: &Site, id: &RunId) -> Result<Option<RunId>, ExecutorError> {
    let row = site.store.run(id).await?;
    Ok(subordinate::caller(site, &row).await?.map(|caller| caller.new.id))
}

/// Puts the full id of a run in place of what was said, and the caller's where nothing was; refuses
/// what is no approval.
pub(super) async fn settle(site: &Site, run: &ProcedureRun, deed: &mut Deed) -> Result<(), ExecutorError> {
    let Some((activity, _)) = run.current() else { return Ok(()) };
    if deed.except.is_some() || deed.answer == Some(Answer::No) {
        return Ok(());
    }
    let specs = activity.fields.iter().filter(|spec| spec.kind == FieldKind::Approval);
    for spec in specs {
        let caller = given_by_caller(site, &run.header.id).await?;
        let approved = match deed.fields.get(&spec.name) {
            Some(said) => Some(named(site, run, &spec.name, said, caller.as_ref()).await?),
            None => caller,
        };
        match approved {
            Some(id) => drop(deed.fields.insert(spec.name.clone(), id.to_string())),
            None if spec.optional => {}
            None => {
                let words = format!("the field `{}` names an approval, and there is none", spec.name);
                return Err(ExecutorError::input_hint(words, hint(&spec.name)));
            }
        }
    }
    Ok(())
}

/// The approved run that a text names.
async fn named(
    site: &Site,
    run: &ProcedureRun,
    field: &str,
    said: &str,
    caller: Option<&RunId>,
) -> Result<RunId, ExecutorError> {
    let refuse = |why: String| ExecutorError::input_hint(format!("field `{field}`: {why}"), hint(field));
    let row = match site.store.find_run(said.trim()).await {
        Ok(row) if said.trim() != "latest" => row,
        Ok(_) => return Err(refuse("an approval is named by its id".to_owned())),
        Err(error @ StoreError::NoRun(_)) => {
            return Err(refuse(error.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    let id = row.new.id.clone();
    if caller == Some(&id) {
        return Ok(id);
    }
    if let Some(system) = other_system(run, &row) {
        return Err(refuse(format!("run {id} is about `{system}`")));
    }
    if is_approved(site, &row).await? {
        Ok(id)
    } else {
        Err(refuse(format!("run {id} has no gate that was approved")))
    }
}

/// The system of a run, where that is another one.
fn other_system<'r>(run: &ProcedureRun, row: &'r RunRow) -> Option<&'r SystemName> {
    Some(&row.new.system).filter(|system| run.header.system.as_ref() != Some(system))
}

/// Whether a gate of the run was approved; signatures and decisions are verified again.
async fn is_approved(site: &Site, row: &RunRow) -> Result<bool, ExecutorError> {
    if row.new.kind == KIND {
        let run = load(&site.store, &row.new.id).await?.run;
        return Ok(has_approved_gate(&run));
    }
    let run = executor::load(&site.store, &row.new.id).await?;
    let Some(gate) = run.gate.as_ref().filter(|_| run.gate_approved && run.rejected.is_none()) else {
        return Ok(false);
    };
    let asked = Asked::load(&site.store, &gate.id).await?;
    Ok(matches!(asked.verdict, Verdict::Approved(_)))
}

/// Whether a procedure's gate was last answered with yes; one that was ended for good approves nothing.
fn has_approved_gate(run: &ProcedureRun) -> bool {
    let cancelled = matches!(&run.position, Position::Ended(outcome) if outcome == "cancelled");
    let approved = |record: &crate::procedure::Record| record.good && record.took == Some(Took::Yes);
    let gates = run.procedure.activities.iter().filter(|activity| activity.kind == ActivityKind::Gate);
    let mut records = gates.filter_map(|gate| run.record(&gate.id));
    !cancelled && records.any(approved)
}

fn hint(field: &str) -> String {
    format!(
        "give the id of a run in which a gate was approved with `--field {field}=RUN`; `esclusa history` and \
         `esclusa status` have them"
    )
}
