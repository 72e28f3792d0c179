//! What runs inside the server, so that nothing comes between a question and the deed that depends on it. All that
//! differs comes as a key or an argument; the texts never change. The SDKs run the same.

/// Keeps what a load found, if nothing happened to the entry or its generations since the look before the load.
/// Keys: generation, generation of the kind, entry. Arguments: the two generations, the head that was seen (empty if
/// there was nothing), the value, milliseconds.
pub(super) const STORE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
if redis.call('GETRANGE', KEYS[3], 0, 49) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
return 1";

/// Writes an entry, whatever was there, and tells the others. Keys: the entry. Arguments: what to write, milliseconds,
/// the channel, the message.
pub(super) const WRITE: &str = "\
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1";

/// Makes a generation, if there is none. Keys: where. Arguments: a new one, its seconds.
pub(super) const GENERATION: &str = "\
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])
return redis.call('GET', KEYS[1])";

/// Lets a generation go, and tells the others. Keys: where. Arguments: the channel, the message.
pub(super) const FORGET: &str = "\
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1";

/// Gives a lock back, if it is still ours. Keys: the lock. Arguments: ours.
pub(super) const UNLOCK: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";
