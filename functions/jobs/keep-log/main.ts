import '#shared/files/private-memory.ts'
import { readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { containers, volumesPath } from '#shared/adapters/kubernetes-cluster/job.ts'
import { keeperVariables } from '#shared/adapters/kubernetes-cluster/keeper-variables.ts'
import { lastWords } from '#shared/adapters/kubernetes-cluster/measures.ts'
import { openPodLog } from '#shared/adapters/kubernetes-cluster/pod-log.ts'
import { keep } from '#shared/archive/keep.ts'
import { openToAll } from '#shared/archive/open-to-all.ts'
import { copyLog } from './copy-log.ts'

/**
 * Stands beside a user's program: keeps what it prints as the file `log` of the log's volume, and when it has ended flushes and
 * measures what it wrote. The measures are its last words. Nothing that goes wrong here is the program's failure.
 */
const [, , , logVolume = '', ...outputs] = process.argv
const account = '/var/run/secrets/kubernetes.io/serviceaccount'
const ended = new AbortController()
process.once('SIGTERM', () => ended.abort())

const { POD_NAME: pod = '', POD_NAMESPACE: namespace = '' } = process.env
const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = process.env
const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`

const openLog = () =>
  openPodLog({ server, namespace, pod, container: containers.main, options: identity() })

const began = await copyLog({
  open: openLog,
  target: async () => (logVolume ? open(`${volumesPath}/${logVolume}/log`, 'a+') : undefined),
  over: ended.signal,
})

if (began) {
  const removable = process.env[keeperVariables.removable] !== undefined
  const volumes = [...outputs, ...(logVolume ? [logVolume] : [])]
  // All before the first is measured, for which there may be no time.
  const opened = await each(volumes, (folder) => openToAll(folder, { removable }))
  const measures = await each([...opened.keys()], keep)
  writeFileSync('/dev/termination-log', lastWords(measures))
}
process.exit(0)

/** The results, by volume, of work that succeeded; what is wrong with the others, whoever ends the run will say. */
async function each<T>(volumes: string[], work: (folder: string) => Promise<T>) {
  const results = new Map<string, T>()
  for (const volume of volumes) {
    try {
      results.set(volume, await work(`${volumesPath}/${volume}`))
    } catch (error) {
      console.error(error)
    }
  }
  return results
}

/** Tokens are replaced while they are used. */
function identity() {
  const token = readFileSync(`${account}/token`, 'utf8')
  return { ca: readFileSync(`${account}/ca.crt`), headers: { authorization: `Bearer ${token}` } }
}
