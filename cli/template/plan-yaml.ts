import type { PlanDraft } from './infer.ts'

/** The file of a plan, with comments for people who write their first. */
export function planYaml({
  image,
  entrypoint,
  args,
  inputs,
  outputs,
  log,
  resources,
}: PlanDraft): string {
  return `# annotations (optional, mutable)
#   Notes about the plan, each "key=value". They have no part in lineage; extensions may read them.
annotations:${list([])}
#  - "description=what this plan is for"
#  - "owner=who to ask"

# image
#   The container that runs. It must be one that the cluster can fetch.
image: ${quote(image)}

# entrypoint (optional)
#   Replaces the ENTRYPOINT of the image.
entrypoint: ${flow(entrypoint)}

# args (optional)
#   Replaces the CMD of the image.
args: ${flow(args)}

# inputs
#   What a run reads: at least one. "path" is an absolute path in the container; "tags", each "key:value",
#   are what data must carry to be put there.
inputs:${mounts(inputs)}

# outputs (optional)
#   What a run writes, in the form of the inputs. The tags are put on what was written.
outputs:${mounts(outputs)}

# log (optional)
#   Tags of the data that keeps what the program printed. Without it, or null, nothing of that is kept.
log:
  tags:${list(log.tags, 4)}

# active (optional, mutable)
#   false holds new runs back; true unless given.
active: true

# resources (optional, mutable)
#   The most a run may use; these become the limits of its container. Ask the administrator what there is
#   besides:
#     cpu     cores, also as a fraction (0.5) or in thousandths (500m); 1 unless given
#     memory  bytes, with Ki, Mi or Gi; 1Gi unless given
resources:
${Object.entries(resources)
  .map(([name, quantity]) => `  ${key(name)}: ${quantity}`)
  .join('\n')}

# on_node (optional)
#   Labels ("key=value") of the nodes a run may be on although they are tainted, prefers, or must be on.
# on_node:
#   may:
#     - "vram=large"
#   prefer:
#     - "disk=fast"
#   must:
#     - "accelerator=gpu"

# service_account (optional, mutable)
#   The service account a run has in Kubernetes; none unless given.
# service_account: "name"
`
}

// JSON is YAML.
const quote = (text: string): string => JSON.stringify(text)

const key = (name: string): string => (/^[A-Za-z][\w./-]*$/.test(name) ? name : quote(name))

const flow = (items: string[]): string => `[${items.map(quote).join(', ')}]`

const list = (items: string[], indent = 2): string =>
  items.length === 0
    ? ' []'
    : items.map((item) => `\n${' '.repeat(indent)}- ${quote(item)}`).join('')

const mounts = (points: { path: string; tags: string[] }[]): string =>
  points.length === 0
    ? ' []'
    : points
        .map(({ path, tags }) => `\n  - path: ${quote(path)}\n    tags:${list(tags, 6)}`)
        .join('')
