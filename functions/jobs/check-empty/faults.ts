import { readdirSync } from 'node:fs'
import { LOST_AND_FOUND } from '#shared/archive/entry-name.ts'

/** What is wrong with folders that should be there and empty, each told by its name: name, folder, name, folder, … */
export function faultsIn([name, folder, ...more]: readonly string[]): string[] {
  if (name === undefined || folder === undefined) return []
  return [...faultsOf(name, folder), ...faultsIn(more)]
}

function faultsOf(name: string, folder: string): string[] {
  try {
    const [found] = readdirSync(folder).filter((entry) => entry !== LOST_AND_FOUND)
    return found === undefined ? [] : [`${name} is not empty, it holds ${JSON.stringify(found)}`]
  } catch (error) {
    return [`${name} cannot be read: ${(error as Error).message}`]
  }
}
