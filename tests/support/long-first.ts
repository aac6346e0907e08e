import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Small files, which would come last, and take minutes.
const long = /\/tests\/(simulation|faults|integration)\//

/** Begins with what takes long, so that nobody waits for one file at the end. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files)
    return usual.toSorted(
      (one, other) => Number(long.test(other.moduleId)) - Number(long.test(one.moduleId)),
    )
  }
}
