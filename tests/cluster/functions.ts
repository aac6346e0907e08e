import gateway from '../../functions/gateway/function.ts'
import { routeFunctions, stepFunctions } from '../../functions/functions.generated.ts'
import { deployed } from '#shared/render/knative/deployed.ts'

/** Everything that the chart deploys. */
export const functions = deployed([...routeFunctions, ...stepFunctions, gateway])

/** Where a program in the cluster finds a function. */
export const urlOf = (service: string, namespace: string): string =>
  `http://${service}.${namespace}.svc.cluster.local`
