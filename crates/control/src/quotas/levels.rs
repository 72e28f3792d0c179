//! How near a tenant is to a limit: 90, 95 or 100 percent. It is told once, when it comes nearer; not again for going
//! to and fro, so a level is left only where use has gone five percent below it. Pure: what is known and what is there
//! in, what to do out.

use std::collections::BTreeMap;

use crate::ids::TenantId;

/// The levels, highest first.
const LEVELS: [i16; 3] = [100, 95, 90];
/// How far below a level its end is.
const SLACK: i16 = 5;

/// A tenant that is near a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Near {
    pub(crate) tenant: TenantId,
    pub(crate) resource: String,
    /// All that takes room.
    pub(crate) held: i64,
    pub(crate) max: i64,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It came nearer: tell.
    Up { near: Near, level: i16 },
    /// It went away again, to another level or to none.
    Down { tenant: TenantId, resource: String, level: Option<i16> },
}

/// Whose level is known of what.
pub(crate) type Known = BTreeMap<(TenantId, String), i16>;

/// Whether use has come to so many percent of the limit, without rounding.
fn reaches(held: i64, max: i64, percent: i16) -> bool {
    i128::from(held) * 100 >= i128::from(max) * i128::from(percent)
}

/// The level of a use.
pub(crate) fn level(held: i64, max: i64) -> Option<i16> {
    if max <= 0 {
        // who has nothing is near nothing
        return None;
    }
    LEVELS.into_iter().find(|level| reaches(held, max, *level))
}

/// What changed between what is known and who is near now. Who is not listed is far from every limit.
pub(crate) fn steps(known: &Known, near: Vec<Near>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut gone = known.clone();
    for near in near {
        let before = gone.remove(&(near.tenant, near.resource.clone()));
        let now = level(near.held, near.max);
        match (before, now) {
            (before, Some(level)) if before.is_none_or(|b| level > b) => steps.push(Step::Up { near, level }),
            (Some(before), now) if now != Some(before) && !reaches(near.held, near.max, before - SLACK) => {
                steps.push(Step::Down { tenant: near.tenant, resource: near.resource, level: now });
            }
            _ => {}
        }
    }
    steps.extend(gone.into_keys().map(|(tenant, resource)| Step::Down { tenant, resource, level: None }));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(held: i64) -> Near {
        Near { tenant: TenantId(uuid::Uuid::nil()), resource: "segments".to_owned(), held, max: 100 }
    }

    /// What happens to somebody who uses this much, one after the other.
    fn told(uses: &[i64]) -> Vec<String> {
        let mut known = Known::new();
        let mut told = Vec::new();
        for held in uses {
            for step in steps(&known, if *held >= 85 { vec![near(*held)] } else { Vec::new() }) {
                match step {
                    Step::Up { near, level } => {
                        known.insert((near.tenant, near.resource), level);
                        told.push(format!("{held} up {level}"));
                    }
                    Step::Down { tenant, resource, level } => {
                        match level {
                            Some(level) => known.insert((tenant, resource), level),
                            None => known.remove(&(tenant, resource)),
                        };
                        told.push(format!("{held} down {level:?}"));
                    }
                }
            }
        }
        told
    }

    #[test]
    fn each_level_is_told_once_on_the_way_up() {
        assert_eq!(told(&[50, 89, 90, 92, 95, 99, 100, 100]), ["90 up 90", "95 up 95", "100 up 100"]);
        assert_eq!(told(&[50, 100]), ["100 up 100"]);
    }

    #[test]
    fn to_and_fro_around_a_level_tells_nothing_new() {
        assert_eq!(told(&[90, 89, 90, 86, 91, 85, 90]), ["90 up 90"]);
        assert_eq!(told(&[100, 96, 100]), ["100 up 100"]);
    }

    #[test]
    fn who_goes_far_enough_away_is_told_again_when_it_comes_back() {
        assert_eq!(told(&[90, 84, 90]), ["90 up 90", "84 down None", "90 up 90"]);
        assert_eq!(told(&[100, 92, 100]), ["100 up 100", "92 down Some(90)", "100 up 100"]);
    }

    #[test]
    fn nothing_is_rounded_up_and_nothing_overflows() {
        assert_eq!(level(949, 1_000), Some(90));
        assert_eq!(level(8_999_999, 10_000_000), None);
        assert_eq!(level(i64::MAX, i64::MAX), Some(100));
        assert_eq!(level(i64::MAX, 1), Some(100));
        assert_eq!((level(0, 0), level(5, 0)), (None, None));
    }
}
