import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { until } from '#tests/support/until.ts'
import { kubernetes } from '../installation.ts'

/** Kills a command of Helm as soon as it has written down what it is about to do, as a machine does that is switched off. */
export async function beginAndInterrupt(
  [file = '', ...words]: readonly string[],
  namespace: string,
): Promise<void> {
  const { core } = kubernetes()
  const labelSelector =
    'owner=helm,name=knitfab,status in (pending-install,pending-upgrade,pending-rollback)'
  const pending = async () =>
    (await core.listNamespacedSecret({ namespace, labelSelector })).items.length
  const before = await pending()
  const cwd = new URL('../../../', import.meta.url).pathname
  const helm = spawn(file, words, { cwd, stdio: 'ignore' })
  const isOver = once(helm, 'exit')
  await until(async () => (await pending()) > before)
  helm.kill('SIGKILL')
  await isOver
}
