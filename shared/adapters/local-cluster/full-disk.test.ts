import { expect } from 'vitest'
import { noSmallDisk, smallDisk } from '#tests/support/small-disk.ts'
import { openHome } from './home.ts'
import { test } from './test-home.ts'

test('a worker fails at once on a full disk, with its exit code and the reason', async ({
  home,
  skip,
}) => {
  const disk = smallDisk(home.folder, 8)
  if (!disk) return skip(noSmallDisk)
  try {
    const cluster = home.open()
    const output = await home.volume(cluster)
    const ended = await home.sh(cluster, 'cat /dev/zero > /out/big || exit 7', {
      outputs: [{ volume: output, path: '/out' }],
    })
    expect(ended).toMatchObject({ phase: 'failed', exitCode: 7, cause: 'program' })
    expect(ended).toHaveProperty(
      'message',
      `(container main) Error: the disk of ${disk.folder} is full`,
    )

    await cluster.deleteVolume(output)
    expect(await home.sh(cluster, 'exit 7')).toMatchObject({ message: '(container main) Error' })
    // Whoever looks only now is told the same.
    const { log: _, ...told } = ended
    const names = await cluster.listWorkers()
    const found = await Promise.all(names.map(({ name }) => cluster.findWorker(name)))
    expect(found.map((worker) => worker?.state)).toContainEqual(told)
    await cluster.close({ stopWorkers: true })
  } finally {
    disk.remove()
    openHome(home.folder)
  }
})
