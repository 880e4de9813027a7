package host

import (
	"encoding/json"

	"github.com/alt-cloud/podsec-k8s/message"
)

// decodeChange makes a change of its JSON.
func decodeChange(kind string, data []byte) (Change, error) {
	switch kind {
	case File{}.Kind():
		return decodeAs[File](data)
	case Link{}.Kind():
		return decodeAs[Link](data)
	case User{}.Kind():
		return decodeAs[User](data)
	case HomeFolder{}.Kind():
		return decodeAs[HomeFolder](data)
	case HomeOwner{}.Kind():
		return decodeAs[HomeOwner](data)
	case AccountFile{}.Kind():
		return decodeAs[AccountFile](data)
	case SubIDs{}.Kind():
		return decodeAs[SubIDs](data)
	case Linger{}.Kind():
		return decodeAs[Linger](data)
	case Sysctl{}.Kind():
		return decodeAs[Sysctl](data)
	case Modules{}.Kind():
		return decodeAs[Modules](data)
	case Control{}.Kind():
		return decodeAs[Control](data)
	case Reload{}.Kind():
		return decodeAs[Reload](data)
	case Stopped{}.Kind():
		return decodeAs[Stopped](data)
	case SetAside{}.Kind():
		return decodeAs[SetAside](data)
	case Ended{}.Kind():
		return decodeAs[Ended](data)
	default:
		return nil, message.Errorf("a newer podsec-k8s made a change of the kind %q", kind)
	}
}

func decodeAs[C Change](data []byte) (Change, error) {
	var c C
	err := json.Unmarshal(data, &c)
	return c, err
}
