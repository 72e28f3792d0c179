//! Lets old entries go without breaking the chain: a signed cut says up to where, and with which hash it goes on.
//!
//! What is let go was verified before; a chain with a fault keeps everything. A tenant whose entries must be kept (a
//! hold) is named by the caller.

use tenantry_pg::Client;

use crate::chain::{Chain, Hash};
use crate::checkpoint::{Checkpoint, Kind};
use crate::error::{AuditError, query};
use crate::seal::{Sealer, read_checkpoints_of, sign};
use crate::verify::{Check, read};

/// How long entries are kept where nobody says otherwise (`AUDIT_LOG_RETENTION_DAYS`).
pub const DAYS_DEFAULT: i32 = 90;

const LOCK: &str = "SELECT pg_advisory_xact_lock(7310579, 1)";
/// The last of each chain that is older, and that has nothing younger before it.
const OLD: &str = "SELECT DISTINCT ON (chain) chain, sequence, hash FROM tenantry_audit.entry AS e WHERE sequence IS NOT NULL \
                   AND sequence < coalesce((SELECT min(y.sequence) FROM tenantry_audit.entry AS y WHERE y.chain = e.chain \
                   AND y.recorded_at >= now() - make_interval(days => $1)), 9223372036854775807) ORDER BY chain, sequence DESC";
const FORGET: &str = "DELETE FROM tenantry_audit.entry WHERE chain = $1 AND sequence <= $2";
const FORGET_NOTES: &str = "DELETE FROM tenantry_audit.checkpoint WHERE chain = $1 AND sequence < $2";

/// Lets entries go that are older than so many days, but for chains on hold. Says how many, and which chains were
/// kept for a fault.
pub async fn let_go(
    sealer: &mut Sealer,
    client: &mut Client,
    days: i32,
    on_hold: &[Chain],
) -> Result<(u64, Vec<Chain>), AuditError> {
    let old = client.query(OLD, &[&days]).await.map_err(query("look for old entries"))?;
    let (mut gone, mut kept) = (0, Vec::new());
    for row in old {
        let (name, sequence): (String, i64) = (row.get(0), row.get(1));
        let hash = row.get::<_, Option<&[u8]>>(2).and_then(Hash::of_bytes);
        let (Some(chain), Some(hash)) = (Chain::read(&name), hash) else { continue };
        if on_hold.contains(&chain) {
            continue;
        }
        let inside = read_checkpoints_of(client, &name, sealer.verifying()).await?;
        let mut check = Check::new(chain.clone(), &inside, &[]);
        read(client, &name, sequence, &mut check).await?;
        if !check.is_clean() {
            tracing::error!(chain = name, "old audit entries are kept: the chain has a fault");
            kept.push(chain);
            continue;
        }
        let cut = Checkpoint { chain, sequence: sequence.unsigned_abs(), hash, kind: Kind::Cut };
        let transaction = client.transaction().await.map_err(query("begin to let entries go"))?;
        transaction.execute(LOCK, &[]).await.map_err(query("lock the chains"))?;
        sign(&transaction, sealer.key(), &name, &cut).await?;
        gone += transaction.execute(FORGET, &[&name, &sequence]).await.map_err(query("let entries go"))?;
        transaction.execute(FORGET_NOTES, &[&name, &sequence]).await.map_err(query("let checkpoints go"))?;
        transaction.commit().await.map_err(query("commit what was let go"))?;
        sealer.publish(vec![cut])?;
    }
    Ok((gone, kept))
}
