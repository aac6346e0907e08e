import { BlockList, isIPv6 } from 'node:net'
import type {
  V1LabelSelector,
  V1NetworkPolicy,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
} from '@kubernetes/client-node'
import type { Manifest } from './helm.ts'

/** Who has a network: a Pod of a namespace, or an address outside. */
export type Party = { ip: string; namespace?: string; labels?: Record<string, string> }

/** The policies among what the chart makes. The client calls `from` by another name. */
export const policiesOf = (manifests: readonly Manifest[]): V1NetworkPolicy[] =>
  manifests
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .map(
      (manifest) =>
        JSON.parse(JSON.stringify(manifest).replaceAll('"from":', '"_from":')) as V1NetworkPolicy,
    )

/** As a network decides that enforces the policies of one namespace: both ends have to allow it. */
export const mayTalk = (
  { namespace, policies }: { namespace: string; policies: readonly V1NetworkPolicy[] },
  from: Party,
  to: Party,
  port: number,
): boolean => {
  const allows = (side: 'Ingress' | 'Egress', party: Party, other: Party): boolean => {
    const about = policies.filter(
      ({ spec }) =>
        party.namespace === namespace &&
        spec?.policyTypes?.includes(side) &&
        selects(spec.podSelector, party.labels),
    )
    const rules = about.flatMap(({ spec }) =>
      side === 'Ingress'
        ? (spec?.ingress ?? []).map((rule) => ({ peers: rule['_from'], ports: rule.ports }))
        : (spec?.egress ?? []).map((rule) => ({ peers: rule.to, ports: rule.ports })),
    )
    return (
      about.length === 0 ||
      rules.some(
        ({ peers, ports }) =>
          isOneOf(ports, (one) => isPort(one, port)) &&
          isOneOf(peers, (peer) => isPeer(peer, other, namespace)),
      )
    )
  }
  return allows('Egress', from, to) && allows('Ingress', to, from)
}

/** What is not said is everything. */
const isOneOf = <T>(all: readonly T[] | undefined, is: (one: T) => boolean): boolean =>
  !all || all.length === 0 || all.some(is)

const isPort = ({ port, endPort }: V1NetworkPolicyPort, asked: number): boolean =>
  port === undefined || (Number(port) <= asked && asked <= (endPort ?? Number(port)))

function isPeer(peer: V1NetworkPolicyPeer, party: Party, home: string): boolean {
  // An address may be that of a Pod: some networks see it so.
  if (peer.ipBlock) return isWithin(peer.ipBlock.cidr, party.ip)
  if (party.namespace === undefined) return false
  const isThere = peer.namespaceSelector
    ? selects(peer.namespaceSelector, { 'kubernetes.io/metadata.name': party.namespace })
    : party.namespace === home
  return isThere && selects(peer.podSelector, party.labels)
}

function isWithin(cidr: string, ip: string): boolean {
  const [net = '', prefix] = cidr.split('/')
  if (isIPv6(net) !== isIPv6(ip)) return false
  const family = isIPv6(net) ? 'ipv6' : 'ipv4'
  const block = new BlockList()
  block.addSubnet(net, Number(prefix), family)
  return block.check(ip, family)
}

function selects(selector: V1LabelSelector | undefined, labels: Record<string, string> = {}) {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {}
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key]
      if (operator === 'Exists') return value !== undefined
      if (operator === 'In') return value !== undefined && values.includes(value)
      throw new Error(`${operator} is not known here`)
    })
  )
}
