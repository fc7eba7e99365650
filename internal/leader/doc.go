// Package leader makes one of several servers the leader. A [Campaign] stands for election again and again;
// [Heartbeat] makes a leader resign that can no longer write to the database; [State] reports to /readyz whether this
// server leads, follows, or can do neither.
//
// internal/server runs one Campaign. Invariant: whatever ends a term, or keeps one from beginning, the campaign goes
// on, because a server that cannot lead still accepts webhooks and answers requests.
package leader
