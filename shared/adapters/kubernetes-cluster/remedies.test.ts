import { expect, test } from 'vitest'
import { withRemedy } from './remedies.ts'

test.each(['log', 'check', 'agent'])(
  'that the image of the container %s, which is ours, cannot be pulled is for an admin',
  (container) => {
    for (const reason of ['ErrImagePull', 'ImagePullBackOff']) {
      const words = `(container ${container}) ${reason}: dial tcp 192.0.2.1:443: i/o timeout`
      expect(withRemedy(words)).toBe(
        `${words}; that is our own image: an admin looks after the values image.repository and image.pullSecrets of the chart`,
      )
    }
  },
)
