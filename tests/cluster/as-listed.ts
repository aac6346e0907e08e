import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files come in the order in which their project names them, and those that it does not name by themselves after them. */
export class AsListed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files)
    return usual.toSorted((one, other) => placeOf(one) - placeOf(other))
  }
}

function placeOf({ project, moduleId }: TestSpecification): number {
  const { include } = project.config
  const place = include.findIndex((path) => moduleId.endsWith(`/${path}`))
  return place < 0 ? include.length : place
}
