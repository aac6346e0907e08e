import type { WorkerSpec } from '#shared/domain/worker.ts'

/** A worker that asks for nothing but what it is said to. */
export const workerThat = (
  spec: Pick<WorkerSpec, 'name' | 'image'> & Partial<WorkerSpec>,
): WorkerSpec => ({
  labels: {},
  entrypoint: [],
  args: [],
  env: {},
  inputs: [],
  outputs: [],
  limits: {},
  network: false,
  onNode: { may: [], prefer: [], must: [] },
  ...spec,
})
