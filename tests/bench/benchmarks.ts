import b01 from './b01-projection.ts'
import b02 from './b02-latency.ts'
import b03 from './b03-idle.ts'
import b04 from './b04-fan-out.ts'
import b05 from './b05-relay.ts'
import b06 from './b06-bloat.ts'
import b07 from './b07-soak.ts'
import b08 from './b08-start.ts'
import b09 from './b09-hops.ts'
import b10 from './b10-hot-path.ts'
import b11 from './b11-embedded.ts'
import b12 from './b12-cluster.ts'
import b13 from './b13-steps.ts'
import b14 from './b14-middleware.ts'
import b15 from './b15-transfers.ts'
import b16 from './b16-client.ts'
import b17 from './b17-slow-uploads.ts'
import b18 from './b18-find.ts'
import b19 from './b19-inverse-match.ts'
import b20 from './b20-retag.ts'
import b21 from './b21-lineage.ts'
import burst from './burst.ts'
import chain from './chain.ts'
import idle from './idle.ts'
import large from './large.ts'
import streams from './streams.ts'
import type { Benchmark } from './harness.ts'

/** Those of one machine, in the order they are run. */
export const ofMachine: readonly Benchmark[] = [
  b01,
  b18,
  b19,
  b20,
  b21,
  b03,
  b04,
  b05,
  b06,
  b02,
  b08,
  b16,
  chain,
  b11,
  b14,
  b15,
  b17,
  b07,
  burst,
  idle,
  large,
]

/** Those of a cluster, which is raised only when it disturbs no other any more. */
export const ofCluster: readonly Benchmark[] = [b09, b10, b12, b13, streams]

export const benchmarks: readonly Benchmark[] = [...ofMachine, ...ofCluster]
