import '#shared/files/private-memory.ts'
import { readdirSync, writeFileSync } from 'node:fs'
import { LOST_AND_FOUND } from '#shared/archive/entry-name.ts'

/** Fails unless every folder it is given is there and empty; its last words, for the Job's status, say what is wrong. */
const [, , , ...folders] = process.argv
const faults = folders.flatMap((folder) => {
  try {
    const [found] = readdirSync(folder).filter((name) => name !== LOST_AND_FOUND)
    return found === undefined ? [] : [`${folder} is not empty, it holds ${JSON.stringify(found)}`]
  } catch (error) {
    return [`${folder} cannot be read: ${(error as Error).message}`]
  }
})
if (faults.length > 0) {
  console.error(faults.join('\n'))
  writeFileSync('/dev/termination-log', faults.join('; ').slice(0, 4000))
  process.exitCode = 1
}
