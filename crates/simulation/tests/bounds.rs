//! That a [`NodeContext`] is what commonware asks of a runtime. This need only compile.

use commonware_consensus::{
    CertifiableAutomaton, Relay, Reporter,
    marshal::{
        core::{Actor, Variant},
        store::{Blocks, Certificates},
    },
    simplex::{
        self, Plan, elector,
        scheme::Scheme,
        types::{Activity, Context},
    },
    types::{Epoch, Epocher},
};
use commonware_cryptography::{Digest, Digestible, certificate::Provider};
use commonware_p2p::Blocker;
use commonware_parallel::Strategy;
use commonware_runtime::{Blob, Clock, Metrics, Spawner, Storage, Strategizer};
use commonware_storage::archive::immutable::Archive;
use commonware_utils::{Acknowledgement, sequence::U64};
use heddle_simulation::NodeContext;
use rand_core::{CryptoRng, Rng};

/// The types bring their own bounds along.
#[expect(dead_code)]
fn simplex<S, L, B, D, A, R, F, T>(_: simplex::Engine<NodeContext, S, L, B, D, A, R, F, T>)
where
    S: Scheme<D>,
    L: elector::Config<S>,
    B: Blocker<PublicKey = S::PublicKey>,
    D: Digest,
    A: CertifiableAutomaton<Context = Context<D, S::PublicKey>, Digest = D>,
    R: Relay<Digest = D, PublicKey = S::PublicKey, Plan = Plan<S::PublicKey>>,
    F: Reporter<Activity = Activity<S, D>>,
    T: Strategy,
{
}

#[expect(dead_code)]
fn marshal<V, P, FC, FB, ES, T, A>(_: Actor<NodeContext, V, P, FC, FB, ES, T, A>)
where
    V: Variant,
    P: Provider<Scope = Epoch, Scheme: Scheme<V::Commitment>>,
    FC: Certificates<
            BlockDigest = <V::Block as Digestible>::Digest,
            Commitment = V::Commitment,
            Scheme = P::Scheme,
        >,
    FB: Blocks<Block = V::StoredBlock>,
    ES: Epocher,
    T: Strategy,
    A: Acknowledgement,
{
}

#[expect(dead_code)]
fn archive(_: Archive<NodeContext, U64, Vec<u8>>) {}

fn engine<E: Clock + CryptoRng + Spawner + Storage + Metrics + Strategizer>() {}
fn shards<E: Rng + Spawner + Metrics + Clock>() {}
fn broadcast<E: Clock + Spawner + Metrics>() {}
fn resolver<E: Clock + Spawner + Rng + Metrics>() {}
fn storage<E: commonware_storage::Context>() {}
fn blob<B: Blob>() {}

#[test]
fn a_node_context_is_a_runtime() {
    engine::<NodeContext>();
    shards::<NodeContext>();
    broadcast::<NodeContext>();
    resolver::<NodeContext>();
    storage::<NodeContext>();
    blob::<<NodeContext as Storage>::Blob>();
}
