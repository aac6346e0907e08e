import { connectApi } from '#shared/adapters/kubernetes-cluster/api.ts'
import { deleteData, endWork, isServed } from '#shared/adapters/kubernetes-cluster/leave.ts'

/** Ends what functions have made in `KNIT_NAMESPACE`, now that they are gone; deletes Data and secrets if it is told to. */
const { KNIT_NAMESPACE: namespace, KNIT_WORKER_GRACE: grace = '30' } = process.env
const { KNIT_DELETE_DATA: all, KNIT_DELETE_SECRETS: secrets = '' } = process.env
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
await endWork(api, { namespace, grace: Number(grace) })
console.log('The programs of runs have been told to end, and agents are gone with them.')
if (all === 'yes') {
  await deleteData(api, { namespace, secrets: secrets.split(' ').filter(Boolean) })
  console.log('Data, database and secrets are deleted.')
}
