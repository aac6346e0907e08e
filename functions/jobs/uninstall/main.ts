import '#shared/files/private-memory.ts'
import { connectApi } from '#shared/adapters/kubernetes-cluster/api.ts'
import { deleteData, endWork, isServed } from '#shared/adapters/kubernetes-cluster/leave.ts'
import { Config } from '#shared/runtime/config.ts'

/** Ends what functions have made in `KNIT_NAMESPACE`, now that they are gone; deletes Data and database if it is told to. */
const { KNIT_NAMESPACE: namespace, KNIT_WORKER_GRACE, KNIT_DELETE_DATA } = process.env
if (!namespace) {
  console.error('KNIT_NAMESPACE is not set: say what was uninstalled.')
  process.exit(2)
}
const api = connectApi()
// Who applies all that the chart renders, without Helm, applies this as well.
if (await isServed(api, { namespace, settings: 'knitfab-settings' })) {
  console.log(`The release in ${namespace} is not gone: nothing was ended, and nothing deleted.`)
  process.exit(0)
}
await endWork(api, { namespace, grace: Config.shape.workerGrace.parse(KNIT_WORKER_GRACE) })
console.log('The programs of runs have been told to end, and agents are gone with them.')
if (KNIT_DELETE_DATA === 'yes') {
  await deleteData(api, namespace)
  console.log('All claims are deleted: those of Data, and of a database of the release.')
}
