import '#shared/files/private-memory.ts'
import { writeFileSync } from 'node:fs'
import { faultsIn } from './faults.ts'

/** Fails unless every folder it is given, behind its name, is there and empty; its last words, for the Job's status, say what is wrong. */
const [, , , ...folders] = process.argv
const faults = faultsIn(folders)
if (faults.length > 0) {
  console.error(faults.join('\n'))
  writeFileSync('/dev/termination-log', faults.join('; ').slice(0, 4000))
  process.exitCode = 1
}
