//! Release, plan and prediction.
