import { useEffect } from 'react'

interface Props {
  readonly src: string
  readonly onLoad?: () => void
  readonly onError?: (error: unknown) => void
}

/**
 * What `next/script` does in a browser with `strategy="afterInteractive"`: appends the script once the component is
 * there. Next.js itself is no part of these tests.
 */
export default function Script({ src, onLoad, onError }: Props): null {
  useEffect(() => {
    if (document.querySelector(`script[src="${src}"]`)) return
    const script = document.createElement('script')
    script.src = src
    script.onload = () => onLoad?.()
    script.onerror = (error) => onError?.(error)
    document.body.append(script)
  }, [src, onLoad, onError])
  return null
}
