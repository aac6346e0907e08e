import { PatchStrategy, type RbacV1Subject, type V1RoleBinding } from '@kubernetes/client-node'
import type { kubernetes } from './installation.ts'

type Taken = {
  namespace: string
  /** Of the role, and so of its binding. */
  name: string
  /** From whom it is taken, by name; from everybody, unless given. */
  from?: string
}

/** Takes a role of the release from who has it; gives it back when it is told to. */
export async function takeRole(
  { objects }: ReturnType<typeof kubernetes>,
  { namespace, name, from }: Taken,
): Promise<() => Promise<void>> {
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name, namespace },
  }
  const bindTo = async (subjects: RbacV1Subject[]) => {
    const changed = { ...binding, subjects }
    const strategy = PatchStrategy.MergePatch
    await objects.patch(changed, undefined, undefined, undefined, undefined, strategy)
  }
  const { subjects = [] } = await objects.read<V1RoleBinding>(binding)
  await bindTo(subjects.filter((subject) => from !== undefined && subject.name !== from))
  return () => bindTo(subjects)
}
