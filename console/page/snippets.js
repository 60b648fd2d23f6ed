/** The same request as the page's, to paste into a shell or a program. The token is read there, and never shown here. */

/** A text as one word of a shell, whatever it holds. */
export const quoted = (text) => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** curl's line. Names with brackets, which curl would expand, and names like options are passed as they are. */
export function asCurl({ tokenCommand, url, name }) {
  const path = name.startsWith("-") ? `./${name}` : name;
  const globs = /[[\]{}]/.test(name) ? "-g " : "";
  return `TOKEN=$(${tokenCommand})\ncurl ${globs}-H "Authorization: Bearer $TOKEN" -T ${quoted(path)} ${url}`;
}

/** The same in Python; a JSON string is a string of Python's, too. */
export function asPython({ tokenCommand, url, name }) {
  return `# TOKEN=$(${tokenCommand}); export TOKEN
import os
import requests

headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
with open(${JSON.stringify(name)}, "rb") as picture:
    answer = requests.post("${url}", data=picture, headers=headers, timeout=30)
print(answer.json())`;
}
