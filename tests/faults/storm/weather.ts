import assert from 'node:assert/strict'
import { join } from 'node:path'
import { processesOf, temporaryFolder } from '#tests/support/local-home.ts'
import { Random } from '#tests/support/random.ts'
import { smallDisk } from '#tests/support/small-disk.ts'
import { checkAll } from './checks.ts'
import { possibleFaults } from './faults.ts'
import { Storm } from './storm.ts'

/** One storm with every fault that is possible here, in the order the seed gives, and the look at what it left. */
export async function weather(seed: string, say: (line: string) => void): Promise<void> {
  const folder = await temporaryFolder('knit-faults-')
  const disk = smallDisk(join(folder.path, 'disk'), 160)
  try {
    const random = new Random(seed)
    const storm = new Storm({ random, folder: folder.path, disk, say })
    await storm.rage(random.shuffled(possibleFaults(storm)))
    await checkAll(storm).catch((error: unknown) => {
      throw storm.explained(error)
    })
    assert.equal(await storm.end('SIGTERM'), 0)
    assert.deepEqual(processesOf(storm.home), [])
  } finally {
    disk?.remove()
    await folder.remove()
  }
}
